# What modality.variants reads: block gzip and index.
rule finish:
    input:
        vcf="work/annotated/{set}.vcf",
        made_by=ANNOTATED_BY,
    output:
        vcf="{set}.vcf.gz",
        index="{set}.vcf.gz.tbi",
    log:
        "logs/finish/{set}.log",
    conda:
        "../envs/tools.yaml"
    shell:
        "bcftools view --no-version -O z -o {output.vcf:q} {input.vcf:q} 2> {log:q} && bcftools index -f -t -o {output.index:q} {output.vcf:q}"
        " 2>> {log:q}"
