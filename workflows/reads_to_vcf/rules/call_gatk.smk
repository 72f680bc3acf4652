# Germline by GATK: HaplotypeCaller a sample and piece, joint genotyping a piece, GATK's hard filters for SNVs and indels.
if CALLER == "gatk":

    rule haplotypes:
        input:
            bam=lambda wildcards: ready(wildcards.sample),
            bai=lambda wildcards: f"{ready(wildcards.sample)}.bai",
            checked="work/aligned/{sample}.txt",
            reference=REFERENCE,
            piece=lambda wildcards: PIECE_FILES[wildcards.piece],
        output:
            temp("work/gvcf/{sample}.{piece}.g.vcf.gz"),
        log:
            "logs/haplotypes/{sample}.{piece}.log",
        params:
            gatk=config["gatk"]["program"],
        shell:
            "{params.gatk:q} HaplotypeCaller -R {input.reference:q} -I {input.bam:q} -L {input.piece:q} -ERC GVCF"
            " -O {output:q} 2> {log:q}"

    rule combine_gvcfs:
        input:
            gvcfs=expand("work/gvcf/{sample}.{{piece}}.g.vcf.gz", sample=GERMLINE),
            reference=REFERENCE,
            piece=lambda wildcards: PIECE_FILES[wildcards.piece],
        output:
            temp("work/joint/{piece}.g.vcf.gz"),
        log:
            "logs/combine_gvcfs/{piece}.log",
        params:
            gatk=config["gatk"]["program"],
            gvcfs=lambda wildcards, input: [part for path in input.gvcfs for part in ("-V", path)],
        shell:
            "{params.gatk:q} CombineGVCFs -R {input.reference:q} -L {input.piece:q} {params.gvcfs:q} -O {output:q} 2> {log:q}"

    rule genotype:
        input:
            gvcf="work/joint/{piece}.g.vcf.gz",
            reference=REFERENCE,
            piece=lambda wildcards: PIECE_FILES[wildcards.piece],
        output:
            temp("work/genotyped/{piece}.vcf.gz"),
        log:
            "logs/genotype/{piece}.log",
        params:
            gatk=config["gatk"]["program"],
        shell:
            "{params.gatk:q} GenotypeGVCFs -R {input.reference:q} -L {input.piece:q} -V {input.gvcf:q} -O {output:q} 2> {log:q}"

    rule hard_filters:
        input:
            vcf="work/genotyped/{piece}.vcf.gz",
            reference=REFERENCE,
        output:
            temp("work/calls/germline.{piece}.vcf.gz"),
        log:
            "logs/hard_filters/{piece}.log",
        params:
            gatk=config["gatk"]["program"],
        shell:
            "{params.gatk:q} VariantFiltration -R {input.reference:q} -V {input.vcf:q} -O {output:q}"
            " --filter-name snv --filter-expression"
            " 'vc.isSNP() && (QD < 2.0 || FS > 60.0 || MQ < 40.0 || SOR > 3.0 || MQRankSum < -12.5 || ReadPosRankSum < -8.0)'"
            " --filter-name indel --filter-expression 'vc.isIndel() && (QD < 2.0 || FS > 200.0 || ReadPosRankSum < -20.0)'"
            " 2> {log:q}"
